<%@ page contentType="application/json; charset=UTF-8" session="false" trimDirectiveWhitespaces="true" %>
<%
var chain = (java.security.cert.X509Certificate[])
        request.getAttribute("jakarta.servlet.request.X509Certificate");
String client = chain == null ? "-" : chain[0].getSubjectX500Principal().getName();
// For the access log.
request.setAttribute("client", client);
request.setAttribute("connection", request.getServletConnection().getConnectionId());
%>
{"retcode": "0", "message": ""}
